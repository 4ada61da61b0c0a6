// The API's shapes that the shell speaks of, by the names that people use.
import type { Schemas } from '@ionflux/client';

export type Workspace = Schemas['WorkspaceAnswer'];
export type Page = Schemas['PageAnswer'];
export type Member = Schemas['MemberAnswer'];
export type Role = Workspace['role'];
export type Agent = Schemas['AgentAnswer'];
export type Notification = Schemas['NotificationAnswer'];
export type SearchHit = Schemas['SearchHit'];

/** Whether a role may change who is in a workspace and what it is connected with. */
export function isManager(role: Role): boolean {
  return role === 'owner' || role === 'admin';
}
