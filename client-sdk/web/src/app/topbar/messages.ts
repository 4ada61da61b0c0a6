// What the bar above each view says.
const en = {
  connected: 'Connected',
  connecting: 'Connecting',
  saved: 'Saved',
  saved_on: 'Saved on {server}',
  saving: 'Saving',
  offline: 'Offline',
  offline_kept: 'Offline, {count} changes kept here',
  offline_kept_one: 'Offline, 1 change kept here',
  offline_unkept: 'Offline, {count} changes kept in this window only',
  offline_unkept_one: 'Offline, 1 change kept in this window only',
  refused: 'Not saved: {why}',
  no_reason: 'the server does not say why',
  agent_works: '{name} is at work',
  agents_work: '{count} agents are at work',
  agents_now: 'Agents at work',
  agents_rest: 'No agent is at work any more.',
  look: 'Look',
  stop: 'Stop',
};

export type MessageKey = keyof typeof en;

export const messages: { en: typeof en; pt: typeof en } = {
  en,
  pt: {
    connected: 'Conectado',
    connecting: 'Conectando',
    saved: 'Salvo',
    saved_on: 'Salvo em {server}',
    saving: 'Salvando',
    offline: 'Sem conexão',
    offline_kept: 'Sem conexão, {count} alterações guardadas aqui',
    offline_kept_one: 'Sem conexão, 1 alteração guardada aqui',
    offline_unkept: 'Sem conexão, {count} alterações só nesta janela',
    offline_unkept_one: 'Sem conexão, 1 alteração só nesta janela',
    refused: 'Não salvo: {why}',
    no_reason: 'o servidor não diz por quê',
    agent_works: '{name} está trabalhando',
    agents_work: '{count} agentes estão trabalhando',
    agents_now: 'Agentes trabalhando',
    agents_rest: 'Nenhum agente está mais trabalhando.',
    look: 'Ver',
    stop: 'Parar',
  },
};
