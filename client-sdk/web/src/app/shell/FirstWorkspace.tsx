// For those who are in no workspace yet: make one.
import { useState, type SyntheticEvent } from 'react';
import { ApiProblem } from '../adapter';
import { useClient, useSession } from '../client';
import { useT } from '../i18n';
import { messages } from '../messages';
import type { Workspace } from '../model';
import { navigate, paths } from '../router';
import { Field } from '../ui/Field';

export function FirstWorkspace({ onMade }: { onMade: (workspace: Workspace) => void }) {
  const client = useClient();
  const { signOut } = useSession();
  const t = useT(messages);
  const [name, setName] = useState('');
  const [fault, setFault] = useState('');
  const make = async () => {
    try {
      const workspace = await client.send<Workspace>('POST', '/v1/workspaces', { name });
      onMade(workspace);
      navigate(paths.home(workspace.id), 'replace');
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      setFault(error.message);
    }
  };
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    void make();
  };
  return (
    <main className="notice">
      <h1>{t('no_workspace')}</h1>
      <p className="muted">{t('no_workspace_more')}</p>
      <form className="first-workspace" onSubmit={submit}>
        <Field
          label={t('workspace_name')}
          value={name}
          onChange={(event) => {
            setName(event.target.value);
          }}
          fault={fault}
          required
        />
        <button className="button primary large wide">{t('create')}</button>
        <button type="button" className="button plain" onClick={() => void signOut()}>
          {t('sign_out')}
        </button>
      </form>
    </main>
  );
}
