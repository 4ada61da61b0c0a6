// Of several things to say the first that says anything.
export function firstSaid(...words: (string | null | undefined)[]): string {
  return words.find((word) => word !== null && word !== undefined && word !== '') ?? '';
}
