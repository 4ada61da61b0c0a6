// A person or an agent, small: their picture, or their initials in a colour that is always theirs.
import './avatar.css';

const HUES = 12;

interface AvatarProps {
  id: string;
  name: string;
  url?: string | null | undefined;
  size?: number;
  isAgent?: boolean;
}

export function Avatar({ id, name, url, size = 22, isAgent = false }: AvatarProps) {
  const style = { width: size, height: size, fontSize: size * 0.42, '--hue': hueOf(id) };
  return (
    <span className={isAgent ? 'avatar agent' : 'avatar'} style={style} aria-hidden="true">
      {url ? <img src={url} alt="" width={size} height={size} /> : initials(name)}
    </span>
  );
}

/** The hue, in degrees, of everything that is somebody's: avatar, cursor, selection. */
export function hueOf(id: string): number {
  let sum = 7;
  for (const character of id) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 100_003;
  return (sum % HUES) * (360 / HUES);
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined].map(
    (word) => Array.from(word ?? '')[0],
  );
  return letters.join('').toUpperCase() || '?';
}
