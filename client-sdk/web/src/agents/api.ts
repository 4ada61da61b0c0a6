// What the views of agents ask of the REST API.
import type { IonfluxClient, Schemas } from '@ionflux/client';
import { listAll } from '../chat/api';
import type {
  Agent,
  ConfigCheck,
  Fire,
  Playbook,
  PlaybookRun,
  PlaybookRunDetail,
  Run,
  Trigger,
  Version,
  VersionDifference,
} from './model';

export { listAgents, listDefinitions } from '../chat/api';

const NEWEST = 50;

// Agents and their configurations

export function createAgent(
  client: IonfluxClient,
  workspaceId: string,
  body: Schemas['NewAgent'],
): Promise<Agent> {
  const params = { path: { workspace_id: workspaceId } };
  return client.call(client.api.POST('/v1/workspaces/{workspace_id}/agents', { params, body }));
}

export function changeAgent(
  client: IonfluxClient,
  agentId: string,
  body: Schemas['AgentChange'],
): Promise<Agent> {
  return client.call(client.api.PATCH('/v1/agents/{agent_id}', { params: ofAgent(agentId), body }));
}

export function checkNewConfig(
  client: IonfluxClient,
  definitionId: string,
  yaml: string,
): Promise<ConfigCheck> {
  const params = { path: { definition_id: definitionId } };
  const body = { yaml_config: yaml };
  return client.call(client.api.POST('/v1/agent-definitions/{definition_id}/validate', { params, body }));
}

export function checkConfig(client: IonfluxClient, agentId: string, yaml: string): Promise<ConfigCheck> {
  const body = { yaml_config: yaml };
  return client.call(client.api.POST('/v1/agents/{agent_id}/validate', { params: ofAgent(agentId), body }));
}

export async function listVersions(client: IonfluxClient, agentId: string): Promise<Version[]> {
  const params = { ...ofAgent(agentId), query: { limit: NEWEST } };
  return (await client.call(client.api.GET('/v1/agents/{agent_id}/versions', { params }))).items;
}

export function compareVersion(
  client: IonfluxClient,
  agentId: string,
  number: number,
): Promise<VersionDifference> {
  const params = { path: { agent_id: agentId, number: String(number) } };
  return client.call(client.api.GET('/v1/agents/{agent_id}/versions/{number}/compare', { params }));
}

export function restoreVersion(client: IonfluxClient, agentId: string, number: number): Promise<Agent> {
  const params = { path: { agent_id: agentId, number: String(number) } };
  return client.call(client.api.POST('/v1/agents/{agent_id}/versions/{number}/restore', { params }));
}

// Runs

export async function listRuns(client: IonfluxClient, agentId: string): Promise<Run[]> {
  const params = { ...ofAgent(agentId), query: { limit: NEWEST } };
  return (await client.call(client.api.GET('/v1/agents/{agent_id}/runs', { params }))).items;
}

export async function readOutput(client: IonfluxClient, runId: string): Promise<string> {
  return (await client.call(client.api.GET('/v1/runs/{run_id}/output', { params: ofRun(runId) }))).text;
}

// Triggers

export function listTriggers(client: IonfluxClient, agentId: string): Promise<Trigger[]> {
  return listAll((cursor) => {
    const query = cursor === undefined ? {} : { cursor };
    return client.call(
      client.api.GET('/v1/agents/{agent_id}/triggers', { params: { ...ofAgent(agentId), query } }),
    );
  });
}

export function createTrigger(
  client: IonfluxClient,
  agentId: string,
  body: Schemas['NewTrigger'],
): Promise<Trigger> {
  return client.call(client.api.POST('/v1/agents/{agent_id}/triggers', { params: ofAgent(agentId), body }));
}

export function setTriggerState(
  client: IonfluxClient,
  triggerId: string,
  state: 'active' | 'paused',
): Promise<Trigger> {
  const params = { path: { trigger_id: triggerId } };
  return client.call(client.api.PATCH('/v1/triggers/{trigger_id}', { params, body: { state } }));
}

export async function deleteTrigger(client: IonfluxClient, triggerId: string): Promise<void> {
  await client.call(
    client.api.DELETE('/v1/triggers/{trigger_id}', { params: { path: { trigger_id: triggerId } } }),
  );
}

export async function listFires(client: IonfluxClient, triggerId: string): Promise<Fire[]> {
  const params = { path: { trigger_id: triggerId } };
  return (await client.call(client.api.GET('/v1/triggers/{trigger_id}/fires', { params }))).items;
}

/** Fire a trigger now, in a test run that only says what it would do. */
export function testTrigger(client: IonfluxClient, triggerId: string): Promise<Fire> {
  const params = { path: { trigger_id: triggerId } };
  return client.call(client.api.POST('/v1/triggers/{trigger_id}/test', { params, body: { is_dry: true } }));
}

// Playbooks

export function listPlaybooks(client: IonfluxClient, workspaceId: string): Promise<Playbook[]> {
  return listAll((cursor) => {
    const params = { path: { workspace_id: workspaceId }, query: cursor === undefined ? {} : { cursor } };
    return client.call(client.api.GET('/v1/workspaces/{workspace_id}/playbooks', { params }));
  });
}

export async function listPlaybookRuns(client: IonfluxClient, playbookId: string): Promise<PlaybookRun[]> {
  const params = { path: { playbook_id: playbookId }, query: { limit: NEWEST } };
  return (await client.call(client.api.GET('/v1/playbooks/{playbook_id}/runs', { params }))).items;
}

export function startPlaybook(
  client: IonfluxClient,
  playbookId: string,
  inputs: Record<string, unknown>,
): Promise<PlaybookRunDetail> {
  const params = { path: { playbook_id: playbookId } };
  return client.call(client.api.POST('/v1/playbooks/{playbook_id}/runs', { params, body: { inputs } }));
}

export function readPlaybookRun(client: IonfluxClient, runId: string): Promise<PlaybookRunDetail> {
  const params = { path: { playbook_run_id: runId } };
  return client.call(client.api.GET('/v1/playbook-runs/{playbook_run_id}', { params }));
}

export function cancelPlaybookRun(client: IonfluxClient, runId: string): Promise<PlaybookRunDetail> {
  const params = { path: { playbook_run_id: runId } };
  return client.call(client.api.POST('/v1/playbook-runs/{playbook_run_id}/cancel', { params }));
}

export function decidePlaybook(
  client: IonfluxClient,
  runId: string,
  stepId: string,
  isApproved: boolean,
  note: string,
): Promise<PlaybookRunDetail> {
  const params = { path: { playbook_run_id: runId, step_id: stepId } };
  const body = { is_approved: isApproved, note: note.trim() || null };
  return client.call(
    client.api.POST('/v1/playbook-runs/{playbook_run_id}/approvals/{step_id}', { params, body }),
  );
}

function ofAgent(id: string) {
  return { path: { agent_id: id } };
}

function ofRun(id: string) {
  return { path: { run_id: id } };
}
