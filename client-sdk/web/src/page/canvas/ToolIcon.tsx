// The icons of what one does on the canvas only, in the manner of the page's others.
const STROKES = {
  select: 'M3.5 2.5l9 4.2-3.9 1.4-1.4 3.9z',
  hand: 'M5 8V4.2a1 1 0 0 1 2 0V7M7 7V3.2a1 1 0 0 1 2 0V7M9 7V4a1 1 0 0 1 2 0v3.5M11 6a1 1 0 0 1 2 0v4c0 2.5-1.5 4-4 4-2 0-3-.8-4-2.5L3 8.7c-.5-1 .8-1.8 1.5-1L5 8.3',
  redo: 'M13 6.5H6.5a3.5 3.5 0 0 0 0 7H10M10.5 4 13 6.5 10.5 9',
  front: 'M8 12V4M4.5 7.5 8 4l3.5 3.5M3 14h10',
  back: 'M8 4v8M4.5 8.5 8 12l3.5-3.5M3 2h10',
  minus: 'M3 8h10',
} as const;

export type ToolIconName = keyof typeof STROKES;

export function ToolIcon({ name }: { name: ToolIconName }) {
  return (
    <svg
      width="16"
      height="16"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.4"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={STROKES[name]} />
    </svg>
  );
}
