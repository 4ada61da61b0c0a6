// What can be chosen at the caret, above the field.
import { useT } from '../app/i18n';
import { messages } from './messages';
import type { Candidate, Completion } from './useCompletion';

interface CandidateListProps {
  id: string;
  completion: Completion;
  active: number;
  onChoose: (candidate: Candidate) => void;
}

export function CandidateList({ id, completion, active, onChoose }: CandidateListProps) {
  const t = useT(messages);
  return (
    <div className="candidates">
      <p className="candidates-title" aria-hidden="true">
        {completion.title}
      </p>
      <ul id={id} role="listbox" aria-label={completion.title}>
        {completion.candidates.map((candidate, index) => (
          <li
            key={candidate.key}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === active}
            onPointerDown={(event) => {
              event.preventDefault(); // the field keeps the focus
              onChoose(candidate);
            }}
          >
            <strong>{candidate.label}</strong>
            {candidate.isAgent && <span className="agent-sign">{t('agent')}</span>}
            {candidate.about && <span className="muted">{candidate.about}</span>}
          </li>
        ))}
      </ul>
    </div>
  );
}
