// What an agent was before: each change with who and when, what differs from now, and the way back.
import { useCallback, useMemo, useState } from 'react';
import { useClient } from '../app/client';
import { useLanguage, useT } from '../app/i18n';
import { ago, fullTime } from '../chat/time';
import { useLoaded } from '../chat/useLoaded';
import { compareVersion, listVersions, restoreVersion } from './api';
import { messages } from './messages';
import type { Agent } from './model';

export function Versions({ agent, onChanged }: { agent: Agent; onChanged: () => void }) {
  const t = useT(messages);
  const language = useLanguage();
  const client = useClient();
  const load = useCallback(() => listVersions(client, agent.id), [agent.id, client]);
  const { data: versions, fault: notLoaded } = useLoaded(load);
  const [compared, setCompared] = useState<number | null>(null);
  const [fault, setFault] = useState<string | null>(null);

  const restore = async (number: number) => {
    setFault(null);
    try {
      await restoreVersion(client, agent.id, number);
      setCompared(null);
      onChanged();
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    }
  };

  return (
    <div className="panel-stack">
      {(fault ?? notLoaded) !== null && (
        <p className="fault-line" role="alert">
          {t('failed', { why: fault ?? notLoaded ?? '' })}
        </p>
      )}
      <ol className="version-list">
        {versions?.map(({ number, name, changed_at: at, is_current: isCurrent, restored_from: from }) => (
          <li key={number} className="card">
            <div className="version-line">
              <p>
                <strong>{t('version', { number })}</strong> {name}{' '}
                <span className="muted small" title={fullTime(at, language)}>
                  {ago(at, new Date(), language)}
                  {from !== null && ` · ${t('restored_from', { number: from })}`}
                </span>
              </p>
              {isCurrent ? (
                <span className="chip">{t('current')}</span>
              ) : (
                <>
                  <button
                    type="button"
                    className="button plain"
                    aria-expanded={compared === number}
                    onClick={() => {
                      setCompared(compared === number ? null : number);
                    }}
                  >
                    {t('compare')}
                  </button>
                  <button type="button" className="button" onClick={() => void restore(number)}>
                    {t('restore')}
                  </button>
                </>
              )}
            </div>
            {compared === number && <Difference agentId={agent.id} number={number} />}
          </li>
        ))}
      </ol>
    </div>
  );
}

const SIGNS = { same: ' ', removed: '−', added: '+' };

function Difference({ agentId, number }: { agentId: string; number: number }) {
  const t = useT(messages);
  const client = useClient();
  const load = useMemo(() => () => compareVersion(client, agentId, number), [agentId, client, number]);
  const { data, fault } = useLoaded(load);
  if (data === null) return <p className="muted small">{fault ?? t('loading')}</p>;
  return (
    <div className="difference">
      {data.fields.map(({ name, before, after }) => (
        <p key={name} className="small">
          <code>{name}</code>: <del>{before ?? '—'}</del> <ins>{after ?? '—'}</ins>
        </p>
      ))}
      <pre aria-label={t('difference')}>
        {data.yaml_config.map(({ change, text }, index) => (
          <span key={index} className={`line ${change}`}>
            {`${SIGNS[change]} ${text}\n`}
          </span>
        ))}
      </pre>
      {data.fields.length === 0 && data.yaml_config.every(({ change }) => change === 'same') && (
        <p className="muted small">{t('no_difference')}</p>
      )}
    </div>
  );
}
