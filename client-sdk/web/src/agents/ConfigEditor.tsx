// A configuration in a form and as YAML, side by side: both are the same text, and the server says what is wrong with it.
import { useMemo, useRef } from 'react';
import { useT } from '../app/i18n';
import { Icon } from '../app/ui/Icon';
import { ConfigForm } from './ConfigForm';
import { messages } from './messages';
import type { ConfigCheck } from './model';
import { useConfigCheck } from './useConfigCheck';
import { YamlField, type YamlFieldHandle } from './YamlField';

interface ConfigEditorProps {
  workspaceId: string;
  yaml: string;
  onChange: (yaml: string) => void;
  /** Asks the server; has to be stable. */
  check: (yaml: string) => Promise<ConfigCheck>;
  /** What holds where the YAML says nothing. */
  defaults: Record<string, unknown>;
}

export function ConfigEditor({ workspaceId, yaml, onChange, check, defaults }: ConfigEditorProps) {
  const t = useT(messages);
  const field = useRef<YamlFieldHandle>(null);
  const { result, fault, isChecking } = useConfigCheck(yaml, check);
  const faults = useMemo(() => result?.faults ?? [], [result]);
  return (
    <div className="config-editor">
      <ConfigForm
        workspaceId={workspaceId}
        yaml={yaml}
        onChange={onChange}
        effective={result?.effective_config ?? null}
        defaults={defaults}
        faults={faults}
      />
      <div className="config-yaml">
        <h3>YAML</h3>
        <YamlField ref={field} label="YAML" value={yaml} onChange={onChange} faults={faults} />
        <div className="config-faults" role="status" aria-live="polite">
          {fault !== null && <p className="fault-line">{t('not_checked', { why: fault })}</p>}
          {fault === null && isChecking && <p className="muted small">{t('checking')}</p>}
          {fault === null && !isChecking && result?.is_valid === true && (
            <p className="good-line">
              <Icon name="check" size={14} /> {t('valid')}
            </p>
          )}
          {faults.length > 0 && (
            <ul aria-label={t('faults')}>
              {faults.map(({ path, detail, line, column }) => (
                <li key={`${path} ${detail} ${line ?? ''}`}>
                  <button
                    type="button"
                    className="fault-link"
                    disabled={line === null}
                    onClick={() => {
                      if (line !== null) field.current?.goTo(line, column ?? 1);
                    }}
                  >
                    {line !== null && (
                      <span className="fault-place">{t('at', { line, column: column ?? 1 })}</span>
                    )}
                    <code>{path.replace(/^yaml_config\.?/, '') || 'YAML'}</code> {detail}
                  </button>
                </li>
              ))}
            </ul>
          )}
        </div>
      </div>
    </div>
  );
}
