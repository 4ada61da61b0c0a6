// What the editing of pages refuses. Whenever one of these is thrown, nothing was written.

/** There is no such block, or it is in the page's trash. */
export class UnknownBlockError extends Error {
  constructor(readonly blockId: string) {
    super(`there is no block ${blockId}`);
    this.name = 'UnknownBlockError';
  }
}

/** What the block contains is not known here, so it is left as it is. */
export class UnreadableBlockError extends Error {
  constructor(readonly blockId: string) {
    super(`what block ${blockId} contains is not known here`);
    this.name = 'UnreadableBlockError';
  }
}

/** What was to be written does not fit the type of its block. */
export class InvalidContentError extends Error {
  constructor(readonly faults: readonly string[]) {
    super(faults.join('; '));
    this.name = 'InvalidContentError';
  }
}
