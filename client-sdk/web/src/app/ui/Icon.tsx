// The page's own icons: strokes on a grid of 16, in the colour of the text around them.
const STROKES = {
  plus: 'M8 3v10M3 8h10',
  close: 'M4 4l8 8M12 4l-8 8',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM10.8 10.8 14 14',
  chevron: 'M6 4l4 4-4 4',
  down: 'M4 6l4 4 4-4',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  page: 'M4 1.8h5L12.5 5v9.2H4zM9 2v3.2h3.3',
  home: 'M2.5 7.5 8 2.8l5.5 4.7M4 6.5v7h8v-7',
  chat: 'M2.5 3h11v8.5H7L4 14v-2.500H2.500z',
  hash: 'M6 2.5 5 13.500M11 2.500l-1 11M3 6h10.500M2.5 10H13',
  agent: 'M3 6h10v7.500H3zM8 6V3M8 3h.01M6 9.200v1M10 9.200v1',
  bell: 'M3.5 11.500h9c-1-1-1.2-2-1.2-4.5 0-2-1.3-3.7-3.3-3.700S4.7 5 4.7 7c0 2.5-.2 3.5-1.2 4.500ZM6.7 13.700h2.6',
  trash: 'M2.5 4.500h11M6 4.500v-2h4v2M4 4.500l.7 9.200h6.600l.7-9.2',
  gear: 'M8 10.300a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.600ZM8 1.800v2M8 12.200v2M1.8 8h2M12.2 8h2M3.6 3.6 5 5M11 11l1.4 1.400M3.6 12.4 5 11M11 5l1.4-1.4',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8 1.500v1.500M8 13v1.500M1.5 8H3M13 8h1.500M3.4 3.400l1 1M11.6 11.600l1 1M3.4 12.600l1-1M11.6 4.400l1-1',
  moon: 'M13 9.600A5.5 5.5 0 0 1 6.4 3 5.5 5.5 0 1 0 13 9.600Z',
  menu: 'M2.5 4.500h11M2.5 8h11M2.5 11.500h11',
  panel: 'M2.5 3h11v10h-11zM10 3v10',
  check: 'M3 8.5 6.5 12 13 4.5',
  cloud: 'M4.5 12.500a3 3 0 0 1-.3-6 4 4 0 0 1 7.6 1 2.5 2.5 0 0 1 .2 5z',
  offline:
    'M2 2l12 12M4.5 12.500a3 3 0 0 1-.3-6M7 4.600a4 4 0 0 1 4.8 2.9 2.5 2.5 0 0 1 1.7 3.900M4.5 12.500h6.5',
  warning: 'M8 2.3 14.2 13H1.800zM8 6.500v3M8 11.300v.01',
  person: 'M8 7.500a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.200ZM3 13.700c.5-2.8 2.5-4 5-4s4.5 1.2 5 4',
  people:
    'M6 7.500a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.800ZM1.5 13.300c.4-2.6 2.2-3.6 4.5-3.600s4.1 1 4.5 3.600M10.5 2.900a2.4 2.4 0 0 1 0 4.400M12 9.900c1.5.4 2.3 1.6 2.5 3.4',
  key: 'M5.5 13a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.600ZM7.5 8.2 13 2.700M11 4.700l2 2',
  spark: 'M8 2l1.4 4.600L14 8l-4.6 1.400L8 14l-1.4-4.600L2 8l4.6-1.400z',
  link: 'M6.8 9.200a2.6 2.6 0 0 0 3.7 0l2.2-2.200a2.6 2.6 0 0 0-3.7-3.700l-.8.8M9.2 6.800a2.6 2.6 0 0 0-3.7 0L3.3 9a2.6 2.6 0 0 0 3.7 3.700l.8-.8',
  undo: 'M3 6.500h6.500a3.5 3.5 0 0 1 0 7H6M5.5 4 3 6.5 5.5 9',
  pencil: 'M3 13l.7-3L11 2.7 13.3 5 6 12.300z',
  copy: 'M5.5 5.500h8v8h-8zM10.5 5.500v-3h-8v8h3',
  out: 'M6 2.500H3v11h3M7 8h6.500M11 5.5 13.5 8 11 10.5',
  play: 'M5 3l8 5-8 5z',
  stop: 'M4 4h8v8H4z',
  file: 'M4 1.800h5L12.5 5v9.200H4z',
} as const;

export type IconName = keyof typeof STROKES;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={name === 'more' ? 2.4 : 1.4}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={STROKES[name]} />
    </svg>
  );
}
