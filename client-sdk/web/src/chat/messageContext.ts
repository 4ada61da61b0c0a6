// What every message that is shown needs to know of its channel.
import type { channel, ChannelState } from '@ionflux/client';
import { createContext, useContext } from 'react';
import type { Directory } from './model';
import type { MessageActions } from './useActions';

export interface MessageContextValue {
  workspaceId: string;
  /** One's principal id. */
  me: string;
  directory: Directory;
  actions: MessageActions;
  canWrite: boolean;
  canManage: boolean;
  pins: ChannelState['pins'];
  reactionsOf: (messageId: string) => ReadonlyMap<string, readonly string[]> | undefined;
  isWaiting: (message: channel.Message) => boolean;
  openThread: (messageId: string) => void;
}

export const MessageContext = createContext<MessageContextValue | null>(null);

export function useMessageContext(): MessageContextValue {
  const value = useContext(MessageContext);
  if (value === null) throw new Error('Messages are shown within a conversation.');
  return value;
}
