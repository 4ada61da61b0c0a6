// The names of all emoji in the languages of the page, for the picker: from a package, loaded when it is opened.
import type { CompactEmoji, MessagesDataset } from 'emojibase';
import type { EmojiData, EmojiDataResolver } from 'frimousse';

/** Regional indicators, skin tones and hair: parts of emoji, and none by themselves. */
const COMPONENTS = 2;

export const resolveEmojiData: EmojiDataResolver = async (locale) => {
  const [{ default: emojis }, { default: words }] = await Promise.all(
    locale === 'pt'
      ? [import('emojibase-data/pt/compact.json'), import('emojibase-data/pt/messages.json')]
      : [import('emojibase-data/en/compact.json'), import('emojibase-data/en/messages.json')],
  );
  return asEmojiData(locale, emojis, words);
};

function asEmojiData(
  locale: string,
  emojis: CompactEmoji[],
  { groups, skinTones }: MessagesDataset,
): EmojiData {
  return {
    locale,
    emojis: emojis.flatMap(({ unicode, group, label, tags, skins }) =>
      group === undefined || group === COMPONENTS
        ? []
        : [{ emoji: unicode, category: group, label, version: 1, tags: tags ?? [], skins: tonesOf(skins) }],
    ),
    categories: groups
      .filter(({ order }) => order !== COMPONENTS)
      .map(({ order, message }) => ({ index: order, label: message })),
    skinTones: Object.fromEntries(
      skinTones.map(({ key, message }) => [key, message]),
    ) as EmojiData['skinTones'],
  };
}

function tonesOf(skins: CompactEmoji[] | undefined): EmojiData['emojis'][number]['skins'] {
  const [light, mediumLight, medium, mediumDark, dark] = (skins ?? []).map(({ unicode }) => unicode);
  if (skins?.length !== 5 || !light || !mediumLight || !medium || !mediumDark || !dark) return undefined;
  return { light, 'medium-light': mediumLight, medium, 'medium-dark': mediumDark, dark };
}
