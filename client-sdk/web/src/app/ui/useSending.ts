// Sending a form: one at a time, with the server's own words if it refuses.
import { ApiProblem } from '@ionflux/client';
import { useState, type SyntheticEvent } from 'react';
import { useT } from '../i18n';
import { messages } from '../messages';

export interface Sending {
  isBusy: boolean;
  fault: string;
  send: (work: () => Promise<void>) => Promise<void>;
}

export function useSending(): Sending {
  const t = useT(messages);
  const [isBusy, setIsBusy] = useState(false);
  const [fault, setFault] = useState('');
  const send = async (work: () => Promise<void>) => {
    setIsBusy(true);
    setFault('');
    try {
      await work();
    } catch (error) {
      setFault(error instanceof ApiProblem ? error.message : t('unreachable_more'));
    } finally {
      setIsBusy(false);
    }
  };
  return { isBusy, fault, send };
}

/** Let a form be sent by a function that takes what is in it, by the fields' names. */
export function handing(send: (read: (name: string) => string) => Promise<void>) {
  return (event: SyntheticEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    void send((name) => {
      const value = data.get(name);
      return typeof value === 'string' ? value : '';
    });
  };
}
