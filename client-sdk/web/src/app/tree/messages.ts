// What the tree of pages says.
const en = {
  pages: 'Pages',
  untitled: 'Untitled',
  no_pages: 'No pages yet.',
  new_page: 'New page',
  new_below: 'New page below {title}',
  more: 'More about {title}',
  open_below: 'Show what is below {title}',
  close_below: 'Hide what is below {title}',
  rename: 'Rename',
  duplicate: 'Duplicate',
  copy_link: 'Copy the link',
  trash: 'Move to the trash',
  trashed: '{title} is in the trash.',
  undo: 'Undo',
};

export type MessageKey = keyof typeof en;

export const messages: { en: typeof en; pt: typeof en } = {
  en,
  pt: {
    pages: 'Páginas',
    untitled: 'Sem título',
    no_pages: 'Ainda não há páginas.',
    new_page: 'Nova página',
    new_below: 'Nova página dentro de {title}',
    more: 'Mais sobre {title}',
    open_below: 'Mostrar o que está dentro de {title}',
    close_below: 'Ocultar o que está dentro de {title}',
    rename: 'Renomear',
    duplicate: 'Duplicar',
    copy_link: 'Copiar o link',
    trash: 'Mover para a lixeira',
    trashed: '{title} está na lixeira.',
    undo: 'Desfazer',
  },
};
