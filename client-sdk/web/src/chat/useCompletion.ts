// What could be meant by what is being written at the caret: commands, their inputs, people and agents.
import { mentions } from '@ionflux/client';
import { useCallback, useMemo, useState } from 'react';
import { useClient } from '../app/client';
import { useT } from '../app/i18n';
import { listCommands, listDefinitions } from './api';
import { findTrigger, rank, type Trigger } from './drafts';
import { messages } from './messages';
import type { Channel, Command, Directory } from './model';
import { useLoaded } from './useLoaded';

/** Something that can be chosen. */
export interface Candidate {
  key: string;
  /** What is written when it is chosen, and whom it names. */
  text: string;
  target?: string | undefined;
  label: string;
  about: string | null;
  isAgent?: boolean;
}

export interface Completion {
  trigger: Trigger;
  title: string;
  candidates: Candidate[];
}

/** Return what there is to choose from, or null. */
export function useCompletion(
  channel: Channel,
  directory: Directory,
  text: string,
  caret: number | null,
): { completion: Completion | null; dismiss: () => void } {
  const t = useT(messages);
  const [dismissed, setDismissed] = useState<string | null>(null);
  const found = useMemo(() => (caret === null ? null : findTrigger(text, caret)), [caret, text]);
  const trigger = found !== null && `${found.kind} ${found.start}` !== dismissed ? found : null;
  const commands = useCommands(channel.id, found !== null && found.kind !== 'mention');
  const inputs = useInputs(directory, commands, trigger?.kind === 'argument' ? trigger.command : null);

  if (found === null && dismissed !== null) setDismissed(null);

  const completion = useMemo((): Completion | null => {
    if (trigger === null) return null;
    let candidates: Candidate[];
    let title: string;
    if (trigger.kind === 'command') {
      title = t('commands');
      candidates = rank(commands, trigger.query, ({ name }) => name).map(
        ({ name, title: label, description, is_ambiguous: isAmbiguous }) => ({
          key: name,
          text: `/${name} `,
          label: `/${name}`,
          about: isAmbiguous ? t('ambiguous') : (description ?? label),
          isAgent: name !== 'help',
        }),
      );
    } else if (trigger.kind === 'argument') {
      title = t('arguments');
      const free = inputs.filter(({ key }) => !new RegExp(`\\s${key}=`, 'u').test(text));
      candidates = rank(free, trigger.query, ({ key }) => key).map(
        ({ key, type, required, description }) => ({
          key,
          text: `${key}=${type === 'string' ? '"' : ''}`,
          label: `${key}=`,
          about: [required ? t('required') : null, description].filter(Boolean).join(' · '),
        }),
      );
    } else {
      title = t('mentions');
      candidates = rank(people(directory, t('everybody')), trigger.query, ({ label }) => label.slice(1));
    }
    return candidates.length > 0 ? { trigger, title, candidates } : null;
  }, [commands, directory, inputs, t, text, trigger]);

  const dismiss = useCallback(() => {
    setDismissed(found === null ? null : `${found.kind} ${found.start}`);
  }, [found]);
  return { completion, dismiss };
}

function people(directory: Directory, everybody: string): Candidate[] {
  const members = directory.members.filter(({ is_active: isActive }) => isActive);
  return [
    ...members.map(({ user_id: id, name, email }) => candidate(`user:${id}`, name, email, false)),
    ...directory.agents.map(({ id, name, description }) => candidate(`agent:${id}`, name, description, true)),
    { key: 'channel', text: `@${mentions.EVERYBODY} `, label: `@${mentions.EVERYBODY}`, about: everybody },
  ];
}

function candidate(target: string, name: string, about: string | null, isAgent: boolean): Candidate {
  return { key: target, text: `@${name} `, target, label: `@${name}`, about, isAgent };
}

/** Read the commands once they are wanted. */
function useCommands(channelId: string, isWanted: boolean): readonly Command[] {
  const client = useClient();
  const [wasWanted, setWanted] = useState(false);
  if (isWanted && !wasWanted) setWanted(true);
  const load = useCallback(() => listCommands(client, channelId), [channelId, client]);
  return useLoaded(wasWanted ? load : null).data ?? [];
}

/** Return the inputs of the agent that a command calls. */
function useInputs(directory: Directory, commands: readonly Command[], name: string | null) {
  const client = useClient();
  const load = useCallback(() => listDefinitions(client), [client]);
  const definitions = useLoaded(name === null ? null : load).data;
  return useMemo(() => {
    const command = commands.find((one) => one.name === name);
    const agent = directory.agents.find(({ id }) => id === command?.agent_configuration_id);
    return definitions?.find(({ id }) => id === agent?.agent_definition_id)?.inputs_schema ?? [];
  }, [commands, definitions, directory.agents, name]);
}
