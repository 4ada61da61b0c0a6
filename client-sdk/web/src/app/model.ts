// What the API answers with, as far as the shell reads it.
export type Role = 'owner' | 'admin' | 'member' | 'guest';

export interface Me {
  id: string;
  email: string;
  name: string;
  profile_info: { avatar_url?: string | null; bio?: string | null };
  email_verified_at: string | null;
}

export interface Workspace {
  id: string;
  name: string;
  role: Role;
  owner_user_id: string;
}

export interface Page {
  id: string;
  workspace_id: string;
  document: string;
  parent_page_id: string | null;
  title: string;
  icon_url: string | null;
  order_key: string;
  is_template: boolean;
  trashed_at: string | null;
}

export interface Listing<T> {
  items: T[];
  next_cursor: string | null;
}
