// What a workspace is made of, as the shell reads it; and how it hears that something changed.
import { useEffect } from 'react';
import { client } from './connection';
import { followEvents } from './events';
import type { Agent, Member, Page, Workspace } from './model';
import { readAll, refresh, useResource, type Resource } from './resource';

const SETTLE_MS = 200;

export const keys = {
  workspaces: 'workspaces',
  pages: (workspaceId: string) => `pages/${workspaceId}`,
  trash: (workspaceId: string) => `trash/${workspaceId}`,
  members: (workspaceId: string) => `members/${workspaceId}`,
  agents: (workspaceId: string) => `agents/${workspaceId}`,
  settings: (workspaceId: string, section: string) => `settings/${workspaceId}/${section}`,
};

/** What has to be read anew after an event, by how its type begins. */
const CHANGES: [string, (workspaceId: string) => string][] = [
  ['page.', keys.pages],
  ['page.', keys.trash],
  ['member.', keys.members],
  ['agent.', keys.agents],
  ['invitation.', (workspaceId) => keys.settings(workspaceId, 'members')],
  ['webhook.', (workspaceId) => keys.settings(workspaceId, 'webhooks')],
  ['llm_', (workspaceId) => keys.settings(workspaceId, 'models')],
  ['workspace.', () => keys.workspaces],
  ['member.', () => keys.workspaces],
];

export function useWorkspaces(): Resource<Workspace[]> {
  return useResource(keys.workspaces, () =>
    readAll((cursor) => client.call(client.api.GET('/v1/workspaces', query(cursor)))),
  );
}

export function usePages(workspaceId: string): Resource<Page[]> {
  const path = { workspace_id: workspaceId };
  return useResource(keys.pages(workspaceId), () =>
    readAll((cursor) =>
      client.call(
        client.api.GET('/v1/workspaces/{workspace_id}/pages', { params: { path, ...query(cursor).params } }),
      ),
    ),
  );
}

export function useMembers(workspaceId: string): Resource<Member[]> {
  const path = { workspace_id: workspaceId };
  return useResource(keys.members(workspaceId), () =>
    readAll((cursor) =>
      client.call(
        client.api.GET('/v1/workspaces/{workspace_id}/members', {
          params: { path, ...query(cursor).params },
        }),
      ),
    ),
  );
}

export function useAgents(workspaceId: string): Resource<Agent[]> {
  const path = { workspace_id: workspaceId };
  return useResource(keys.agents(workspaceId), () =>
    readAll((cursor) =>
      client.call(
        client.api.GET('/v1/workspaces/{workspace_id}/agents', { params: { path, ...query(cursor).params } }),
      ),
    ),
  );
}

/** The part of a list behind a cursor, as long as it may be. */
export function query(cursor: string | undefined): { params: { query: { limit: number; cursor?: string } } } {
  return { params: { query: { limit: 100, ...(cursor !== undefined && { cursor }) } } };
}

/** Read all anew once the server is back: what was asked for meanwhile has failed. */
export function useReturn(): void {
  useEffect(() => {
    let wasOffline = false;
    return client.connection.subscribe(() => {
      const { kind } = client.connection.get();
      if (kind === 'offline') wasOffline = true;
      if (kind !== 'connected' || !wasOffline) return;
      wasOffline = false;
      void refresh('');
    });
  }, []);
}

/** Follow what happens in a workspace, and read anew what that changed; many changes at once are one. */
export function useWorkspaceEvents(workspaceId: string): void {
  useEffect(() => {
    const pending = new Set<string>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const settle = () => {
      timer = undefined;
      for (const key of pending) void refresh(key);
      pending.clear();
    };
    const leave = followEvents(workspaceId, {
      onEvent: (type) => {
        for (const [kind, key] of CHANGES) if (type.startsWith(kind)) pending.add(key(workspaceId));
        if (pending.size > 0) timer ??= setTimeout(settle, SETTLE_MS);
      },
      // The list of workspaces tells whether one may still see this one.
      onBreak: () => void refresh(keys.workspaces),
    });
    return () => {
      clearTimeout(timer);
      leave();
    };
  }, [workspaceId]);
}
