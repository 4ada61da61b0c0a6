// Which workspace one is in, and the others.
import { useT } from '../i18n';
import { messages } from '../messages';
import type { Workspace } from '../model';
import { navigate, paths } from '../router';
import { Avatar } from '../ui/Avatar';
import { Icon } from '../ui/Icon';
import { Menu } from '../ui/Menu';

interface WorkspaceMenuProps {
  workspace: Workspace;
  workspaces: Workspace[];
  onNewWorkspace: () => void;
}

export function WorkspaceMenu({ workspace, workspaces, onNewWorkspace }: WorkspaceMenuProps) {
  const t = useT(messages);
  return (
    <Menu
      label={t('switch_workspace')}
      className="workspace-button"
      choices={[
        ...workspaces.map((each) => ({
          label: each.name,
          isChosen: each.id === workspace.id,
          run: () => {
            navigate(paths.home(each.id));
          },
        })),
        'line',
        { label: t('new_workspace'), icon: 'plus', run: onNewWorkspace },
        {
          label: t('invite'),
          icon: 'people',
          run: () => {
            navigate(paths.settings(workspace.id, 'members'));
          },
        },
      ]}
    >
      <Avatar id={workspace.id} name={workspace.name} isAgent />
      <span className="sidebar-label">{workspace.name}</span>
      <Icon name="down" size={12} />
    </Menu>
  );
}
