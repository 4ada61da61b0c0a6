// What the views of agents read and write, by REST.
import type { Schemas } from '@ionflux/client';

export type { Run, RunMessage, RunStep } from '@ionflux/client';

export type Agent = Schemas['AgentAnswer'];
export type Definition = Schemas['AgentDefinitionAnswer'];
export type ConfigCheck = Schemas['ConfigCheck'];
export type ConfigFault = Schemas['ConfigFault'];
export type Waiting = Schemas['Waiting'];
export type Undone = Schemas['UndoneAnswer'];
export type Trigger = Schemas['TriggerAnswer'];
export type Fire = Schemas['FireAnswer'];
export type Version = Schemas['VersionLine'];
export type VersionDifference = Schemas['VersionDifference'];
export type Playbook = Schemas['PlaybookAnswer'];
export type PlaybookRun = Schemas['PlaybookRunAnswer'];
export type PlaybookRunDetail = Schemas['PlaybookRunDetail'];

/** A value that an agent or a playbook is given. */
export interface Input {
  key: string;
  type: string;
  required?: boolean | undefined;
  description?: string | null | undefined;
}
