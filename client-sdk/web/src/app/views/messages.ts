// What the shell's own views say.
const home = {
  hello: 'Hello, {name}',
  lead: 'Everything here is live: what one writes, all see at once, and what shows as saved is safe.',
  write: 'Write a page',
  write_more: 'Text, tables, boards, pictures. Others type in it at the same time.',
  ask: 'Ask in the chat',
  ask_more: 'Begin a message with / to see which agents answer here.',
  agents: 'Set up an agent',
  agents_more: 'It works on pages with a cursor of its own, and what it did can be undone.',
  invite: 'Invite people',
  invite_more: 'As members, or as guests of single pages.',
  find: 'Find anything',
  find_more: 'Pages, messages, commands: press Ctrl K or ⌘K anywhere.',
  newest: 'Changed last',
};

export const homeMessages: { en: typeof home; pt: typeof home } = {
  en: home,
  pt: {
    hello: 'Olá, {name}',
    lead: 'Tudo aqui é ao vivo: o que alguém escreve todos veem na hora, e o que aparece como salvo está seguro.',
    write: 'Escreva uma página',
    write_more: 'Texto, tabelas, quadros, imagens. Outros digitam nela ao mesmo tempo.',
    ask: 'Pergunte na conversa',
    ask_more: 'Comece uma mensagem com / para ver quais agentes respondem aqui.',
    agents: 'Configure um agente',
    agents_more: 'Ele trabalha nas páginas com um cursor próprio, e o que fez pode ser desfeito.',
    invite: 'Convide pessoas',
    invite_more: 'Como membros, ou como convidados de páginas avulsas.',
    find: 'Encontre qualquer coisa',
    find_more: 'Páginas, mensagens, comandos: tecle Ctrl K ou ⌘K em qualquer lugar.',
    newest: 'Alteradas por último',
  },
};

const trash = {
  title: 'Trash',
  more: 'Pages that were thrown away. They can be put back where they were.',
  empty: 'The trash is empty.',
  restore: 'Put back',
  restored: '{title} is back.',
  forever: 'Delete for ever',
  forever_sure: 'Delete {title} for ever? Nobody can bring it back.',
  thrown: 'Thrown away {when}',
};

export const trashMessages: { en: typeof trash; pt: typeof trash } = {
  en: trash,
  pt: {
    title: 'Lixeira',
    more: 'Páginas que foram descartadas. Elas podem voltar para onde estavam.',
    empty: 'A lixeira está vazia.',
    restore: 'Restaurar',
    restored: '{title} voltou.',
    forever: 'Apagar para sempre',
    forever_sure: 'Apagar {title} para sempre? Ninguém poderá recuperá-la.',
    thrown: 'Descartada {when}',
  },
};

const notifications = {
  title: 'Notifications',
  all_read: 'Mark all as read',
  none: 'Nothing new. What concerns you appears here at once.',
  older: 'Show older ones',
  somebody: 'Somebody',
  an_agent: 'An agent',
  mention: '{who} mentioned you',
  channel_mention: '{who} mentioned everybody in a channel',
  reply: '{who} answered in a thread of yours',
  direct_message: '{who} wrote to you',
  message: '{who} wrote in a channel',
  share: '{who} shared a page with you',
  membership: '{who} added you to a workspace',
  channel_invitation: '{who} added you to a private channel',
  run_finished: 'A run ended: {what}',
  approval_wanted: 'An agent asks for your approval: {what}',
  agent_message: 'An agent tells you: {what}',
  suggestion_made: '{who} suggests a change of a page of yours',
  suggestion_decided: 'Your suggestion was {what}',
  webhook_paused: 'A webhook was paused: {what}',
};

export const notificationMessages: { en: typeof notifications; pt: typeof notifications } = {
  en: notifications,
  pt: {
    title: 'Notificações',
    all_read: 'Marcar todas como lidas',
    none: 'Nada de novo. O que diz respeito a você aparece aqui na hora.',
    older: 'Mostrar as mais antigas',
    somebody: 'Alguém',
    an_agent: 'Um agente',
    mention: '{who} mencionou você',
    channel_mention: '{who} mencionou todos em um canal',
    reply: '{who} respondeu em uma conversa sua',
    direct_message: '{who} escreveu para você',
    message: '{who} escreveu em um canal',
    share: '{who} compartilhou uma página com você',
    membership: '{who} adicionou você a um espaço de trabalho',
    channel_invitation: '{who} adicionou você a um canal privado',
    run_finished: 'Uma execução terminou: {what}',
    approval_wanted: 'Um agente pede sua aprovação: {what}',
    agent_message: 'Um agente diz a você: {what}',
    suggestion_made: '{who} sugere uma alteração em uma página sua',
    suggestion_decided: 'Sua sugestão foi decidida: {what}',
    webhook_paused: 'Um webhook foi pausado: {what}',
  },
};

const unsaved = {
  title: 'What you wrote last was not taken',
  more: 'It is kept in this browser, and is sent if the document is open to you again.',
  untitled: 'Untitled',
};

export const unsavedMessages: { en: typeof unsaved; pt: typeof unsaved } = {
  en: unsaved,
  pt: {
    title: 'O que você escreveu por último não foi aceito',
    more: 'Fica guardado neste navegador, e é enviado se o documento voltar a estar aberto para você.',
    untitled: 'Sem título',
  },
};

const setAside = {
  title: 'Changes of yours could not be taken over.',
  more: 'What you wrote last in “{title}” is in none of its versions on the server: {count} changes.',
  more_one: 'What you wrote last in “{title}” is in none of its versions on the server: 1 change.',
  why: 'Why: {why} It is all kept in this browser until you throw it away.',
  page: 'a page',
  channel: 'a channel',
  comments: 'comments',
  document: 'a document',
  show: 'Show it',
  copy: 'Copy',
  copied: 'Copied.',
  download: 'Download',
  discard: 'Throw it away',
};

export const setAsideMessages: { en: typeof setAside; pt: typeof setAside } = {
  en: setAside,
  pt: {
    title: 'Alterações suas não puderam ser aceitas.',
    more: 'O que você escreveu por último em “{title}” não está em nenhuma versão no servidor: {count} alterações.',
    more_one:
      'O que você escreveu por último em “{title}” não está em nenhuma versão no servidor: 1 alteração.',
    why: 'Motivo: {why} Tudo fica guardado neste navegador até que você descarte.',
    page: 'uma página',
    channel: 'um canal',
    comments: 'comentários',
    document: 'um documento',
    show: 'Mostrar',
    copy: 'Copiar',
    copied: 'Copiado.',
    download: 'Baixar',
    discard: 'Descartar',
  },
};
