// An agent on the page: what it is asked, the button that has it begin, and the text it types into.
import { changeBlock, type JsonObject } from '@ionflux/client';
import { useEffect, useState } from 'react';
import { usePageT } from '../messages';
import { useNames } from '../model/names';
import { usePage, type Rest } from '../model/session';
import { usePeers } from '../model/presence';
import type { BodyProps } from './BlockBody';
import { PlainField } from './PlainField';
import { Settings } from './Settings';
import { BlockText } from './TextBlock';

interface Run {
  error_message: string | null;
}

export function AgentSnippet({ block, isLive }: BodyProps<'agent_snippet'>) {
  const t = usePageT();
  const names = useNames();
  const { rest, canWrite, doc, edit } = usePage();
  const { agentConfigurationId, input, doc: text, runId, status } = block.content;
  const [fault, setFault] = useState<string | null>(null);
  const why = useFailure(rest, status === 'error' ? runId : null);
  const typing = usePeers().find((peer) => peer.kind === 'agent' && peer.blockId === block.id);
  const name = names.of(agentConfigurationId && `agent:${agentConfigurationId}`);
  const isBusy = status === 'pending' || status === 'running';
  const prompt = typeof input.prompt === 'string' ? input.prompt : '';
  const ask = (path: string) => {
    setFault(null);
    rest.send('POST', path, {}).catch((error: unknown) => {
      setFault(error instanceof Error ? error.message : String(error));
    });
  };
  const change = (patch: Record<string, string | JsonObject | null>) => {
    edit(() => {
      changeBlock(doc, block.id, patch);
    });
  };
  return (
    <div className="block-card snippet">
      <div className="snippet-head">
        <span className="tag agent">{name ?? t('agent')}</span>
        <span className={`status status-${status}`}>{typing ? t('typing') : t(`run_${status}`)}</span>
        {canWrite && agentConfigurationId !== null && (
          <span className="snippet-actions">
            {isBusy && runId !== null ? (
              <button
                type="button"
                className="button"
                onClick={() => {
                  ask(`/v1/runs/${runId}/cancel`);
                }}
              >
                {t('stop')}
              </button>
            ) : (
              <button
                type="button"
                className="button primary"
                onClick={() => {
                  ask(`/v1/blocks/${block.id}/runs`);
                }}
              >
                {t('runAgent')}
              </button>
            )}
          </span>
        )}
      </div>
      {isLive && canWrite && (
        <Settings isMissing={agentConfigurationId === null || prompt === ''}>
          <AgentChoice
            value={agentConfigurationId}
            onChange={(id) => {
              change({ agent_configuration_id: id });
            }}
          />
          <PlainField
            value={prompt}
            label={t('prompt')}
            onCommit={(words) => {
              change({ input: { prompt: words || null } });
            }}
          />
        </Settings>
      )}
      {prompt !== '' && <p className="muted">{prompt}</p>}
      {(fault ?? why) !== null && <p className="note bad">{fault ?? why}</p>}
      <BlockText id={block.id} fragment={text} isLive={isLive || typing !== undefined} label="agentText" />
    </div>
  );
}

/** Why a run has failed, in words. */
function useFailure(rest: Rest, runId: string | null): string | null {
  const [found, setFound] = useState<{ of: string; why: string | null } | null>(null);
  useEffect(() => {
    if (runId === null) return undefined;
    let isCurrent = true;
    rest.send<Run>('GET', `/v1/runs/${runId}`).then(
      (run) => {
        if (isCurrent) setFound({ of: runId, why: run.error_message });
      },
      () => undefined, // those who may not see the run are told its status
    );
    return () => {
      isCurrent = false;
    };
  }, [rest, runId]);
  return found !== null && found.of === runId ? found.why : null;
}

function AgentChoice({ value, onChange }: { value: string | null; onChange: (id: string | null) => void }) {
  const t = usePageT();
  const agents = useNames().all.filter(({ kind }) => kind === 'agent');
  return (
    <select
      className="input"
      aria-label={t('agent')}
      value={value ?? ''}
      onChange={(event) => {
        onChange(event.target.value || null);
      }}
    >
      <option value="">{t('chooseAgent')}</option>
      {value !== null && !agents.some(({ id }) => id === value) && <option value={value}>{value}</option>}
      {agents.map(({ id, label }) => (
        <option key={id} value={id}>
          {label}
        </option>
      ))}
    </select>
  );
}
