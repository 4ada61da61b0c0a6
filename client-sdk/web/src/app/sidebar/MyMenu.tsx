// Oneself: settings, colours, language, the way out.
import { useMe } from '../client';
import { signOut } from '../connection';
import { chooseLanguage, useLanguage, useT } from '../i18n';
import { messages } from '../messages';
import { navigate, paths } from '../router';
import { chooseTheme, useTheme, type Theme } from '../theme';
import { Avatar } from '../ui/Avatar';
import { Menu } from '../ui/Menu';

const THEMES: readonly Theme[] = ['system', 'light', 'dark'];

export function MyMenu({ workspaceId }: { workspaceId: string }) {
  const t = useT(messages);
  const me = useMe();
  const theme = useTheme();
  const language = useLanguage();
  return (
    <Menu
      label={t('my_menu')}
      className="sidebar-row"
      choices={[
        {
          label: t('profile'),
          icon: 'person',
          run: () => {
            navigate(paths.settings(workspaceId, 'profile'));
          },
        },
        'line',
        ...THEMES.map((each) => ({
          label: t(`theme_${each}`),
          isChosen: each === theme,
          run: () => {
            chooseTheme(each);
          },
        })),
        'line',
        ...(['en', 'pt'] as const).map((each) => ({
          label: { en: 'English', pt: 'Português' }[each],
          isChosen: each === language,
          run: () => {
            chooseLanguage(each);
          },
        })),
        'line',
        { label: t('sign_out'), icon: 'out', run: () => void signOut() },
      ]}
    >
      <Avatar id={me.id} name={me.name} url={me.profile_info.avatar_url} />
      <span className="sidebar-label">{me.name}</span>
    </Menu>
  );
}
