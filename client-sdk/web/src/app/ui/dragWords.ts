// What a screen reader says while something is dragged: its name and that of the place, not ids, in one's language.
import type { DndContextProps, UniqueIdentifier } from '@dnd-kit/core';
import { useMemo } from 'react';
import { useT } from '../i18n';

const en = {
  help: 'To pick it up, press space. Move it with the arrow keys; space puts it down, escape leaves it where it was.',
  picked: '{name} was picked up.',
  over: '{name} was moved over {place}.',
  nowhere: '{name} is over no place where it could go.',
  dropped: '{name} was dropped over {place}.',
  stays: '{name} stays where it was.',
};

const messages: { en: typeof en; pt: typeof en } = {
  en,
  pt: {
    help: 'Para pegar, pressione espaço. Mova com as setas; espaço solta, escape deixa onde estava.',
    picked: '{name} foi pego.',
    over: '{name} está sobre {place}.',
    nowhere: '{name} não está sobre nenhum lugar possível.',
    dropped: '{name} foi solto sobre {place}.',
    stays: '{name} fica onde estava.',
  },
};

/** What to hand to a `DndContext`; `nameOf` says what people call a thing, and `placeOf` a place, if not the same. */
export function useDragWords(
  nameOf: (id: string) => string,
  placeOf: (id: string) => string = nameOf,
): NonNullable<DndContextProps['accessibility']> {
  const t = useT(messages);
  return useMemo(() => {
    const say =
      (sure: 'over' | 'dropped', none: 'nowhere' | 'stays') =>
      ({ active, over }: { active: { id: UniqueIdentifier }; over: { id: UniqueIdentifier } | null }) => {
        const name = nameOf(String(active.id));
        return over ? t(sure, { name, place: placeOf(String(over.id)) }) : t(none, { name });
      };
    return {
      screenReaderInstructions: { draggable: t('help') },
      announcements: {
        onDragStart: ({ active }) => t('picked', { name: nameOf(String(active.id)) }),
        onDragOver: say('over', 'nowhere'),
        onDragEnd: say('dropped', 'stays'),
        onDragCancel: ({ active }) => t('stays', { name: nameOf(String(active.id)) }),
      },
    };
  }, [t, nameOf, placeOf]);
}
