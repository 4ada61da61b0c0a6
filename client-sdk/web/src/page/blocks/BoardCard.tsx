// A card of a board: its title, who does it until when, and a rich text when it is open.
import type { BoardCard, Patch } from '@ionflux/client';
import { useState, type HTMLAttributes } from 'react';
import { usePageT } from '../messages';
import { useNames } from '../model/names';
import { PlainField } from './PlainField';
import { BlockText } from './TextBlock';

interface CardProps {
  id: string;
  blockId: string;
  card: BoardCard;
  isEdited: boolean;
  handle: HTMLAttributes<HTMLElement>;
  onChange: (patch: Patch[string]) => void;
}

export function Card({ id, blockId, card, isEdited, handle, onChange }: CardProps) {
  const t = usePageT();
  const names = useNames();
  const [isOpen, setOpen] = useState(false);
  const people = names.all.filter(({ kind }) => kind === 'user');
  return (
    <>
      <div className="card-line">
        <div
          className="card-grip"
          {...(isEdited ? handle : {})}
          aria-label={t('card', { title: card.title })}
        >
          <CardFace card={card} />
        </div>
        <button
          type="button"
          className="icon-button"
          aria-expanded={isOpen}
          aria-label={t('openCard', { title: card.title })}
          onClick={() => {
            setOpen(!isOpen);
          }}
        >
          {isOpen ? '▴' : '▾'}
        </button>
      </div>
      {isOpen && (
        <div className="card-open">
          {isEdited && (
            <>
              <PlainField
                value={card.title}
                label={t('title')}
                onCommit={(title) => {
                  onChange({ title: title.slice(0, 500) });
                }}
              />
              <PlainField
                type="date"
                value={card.due?.slice(0, 10) ?? ''}
                label={t('due')}
                onCommit={(due) => {
                  onChange({ due: due || null });
                }}
              />
              <select
                className="input"
                aria-label={t('assignee')}
                value={card.assignee ?? ''}
                onChange={(event) => {
                  onChange({ assignee: event.target.value || null });
                }}
              >
                <option value="">{t('nobody')}</option>
                {card.assignee !== null &&
                  !people.some((person) => `user:${person.id}` === card.assignee) && (
                    <option value={card.assignee}>{names.of(card.assignee) ?? card.assignee}</option>
                  )}
                {people.map((person) => (
                  <option key={person.id} value={`user:${person.id}`}>
                    {person.label}
                  </option>
                ))}
              </select>
            </>
          )}
          <BlockText
            id={blockId}
            fragment={card.doc}
            isLive={isEdited}
            label="cardText"
            path={['cards', id, 'doc']}
          />
          {isEdited && (
            <button
              type="button"
              className="button danger plain"
              onClick={() => {
                onChange(null);
              }}
            >
              {t('removeCard')}
            </button>
          )}
        </div>
      )}
    </>
  );
}

export function CardFace({ card }: { card: BoardCard }) {
  const names = useNames();
  const facts = [card.due?.slice(0, 10), card.assignee && (names.of(card.assignee) ?? card.assignee)].filter(
    Boolean,
  );
  return (
    <div className="card-face">
      <span>{card.title}</span>
      {facts.length > 0 && <span className="small muted">{facts.join(' · ')}</span>}
    </div>
  );
}
