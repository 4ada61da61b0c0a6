// What the chat knows of its workspace, from REST: channels, people, agents, commands.
import type { Schemas } from '@ionflux/client';

export type Channel = Schemas['ChannelAnswer'];
export type Member = Schemas['MemberAnswer'];
export type Agent = Schemas['AgentAnswer'];
export type Command = Schemas['CommandAnswer'];
export type Unread = Schemas['UnreadAnswer'];
export type StoredFile = Schemas['FileAnswer'];
export type StoredMessage = Schemas['MessageAnswer'];

/** Who somebody is, by principal id. */
export interface Directory {
  members: readonly Member[];
  agents: readonly Agent[];
  whoIs: (principalId: string) => Who;
}

/** How somebody is shown. */
export interface Who {
  id: string;
  name: string;
  url: string | null;
  isAgent: boolean;
}

/** Return who the people and agents of a workspace are; those who are gone have no name. */
export function directoryOf(members: readonly Member[], agents: readonly Agent[]): Directory {
  const found = new Map<string, Who>();
  for (const { user_id: id, name, avatar_url: url } of members) {
    found.set(`user:${id}`, { id: `user:${id}`, name, url, isAgent: false });
  }
  for (const { id, name } of agents) {
    found.set(`agent:${id}`, { id: `agent:${id}`, name, url: null, isAgent: true });
  }
  return {
    members,
    agents,
    whoIs: (id) =>
      found.get(id) ?? {
        id,
        name: id.startsWith('system:') ? 'IONFLUX' : '',
        url: null,
        isAgent: !id.startsWith('user:'),
      },
  };
}

/** Return what a channel is called; a direct conversation after the others in it. */
export function titleOf(channel: Channel, directory: Directory, meId: string): string {
  if (channel.type !== 'dm') return channel.name;
  const others = channel.member_user_ids.filter((id) => id !== meId);
  const names = (others.length > 0 ? others : [meId]).map((id) => directory.whoIs(`user:${id}`).name);
  return names.filter(Boolean).join(', ') || channel.name;
}
