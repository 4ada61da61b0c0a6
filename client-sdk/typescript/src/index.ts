// What the package offers.
export { type Api, type Schemas, call, everyItem } from './api/rest.js';
export * as channel from './channel.js';
export { type ChannelState, ChannelView } from './channelView.js';
export * as comments from './comments.js';
export { type Credentials, type TokenPair, apiKey, cookieSession, tokens } from './auth.js';
export { type ClientOptions, type EventsOptions, IonfluxClient, type WorkspaceEvent } from './client.js';
export { type LiveDocument } from './documents/live.js';
export { type ConnectionState, type Retry } from './documents/socket.js';
export { type DocumentStatus, describeStatus } from './documents/status.js';
export { ApiProblem, type Problem, UnsavedChangesError } from './errors.js';
export * as mentions from './mentions.js';
export { type Observable, until } from './observable.js';
export { type SetAsideCopy, type UnsavedCopy } from './offline/copies.js';
export { type OutboxEntry, type OutboxStatus } from './outbox.js';
export { type Presence, type Present, type PresentUser } from './presence.js';
export { type SessionState } from './requests.js';
export { type Run, type RunMessage, type RunStep } from './runs.js';
export * from './page.js';
export * from './blocks/contents.js';
export * from './blocks/errors.js';
export type { Json, JsonObject } from './blocks/json.js';
export { inOrder, orderFor } from './blocks/lists.js';
export { isKey, keyBetween } from './blocks/order.js';
export {
  plainText,
  readRich,
  writeRich,
  type RichInput,
  type RichMark,
  type RichNode,
} from './blocks/richtext.js';
export type { Patch } from './blocks/shapes.js';
