// REST until the SDK is there.
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly errors: { path: string; message: string }[] = [],
  ) {
    super(detail);
  }
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export class IonfluxClient {
  csrf = '';

  async send<T>(method: Method, path: string, body?: unknown): Promise<T> {
    const headers: Record<string, string> = {};
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (this.csrf && method !== 'GET') headers['X-CSRF-Token'] = this.csrf;
    let answer: Response;
    try {
      answer = await fetch(path, { method, headers, body: body === undefined ? null : JSON.stringify(body) });
    } catch {
      throw new ApiProblem(0, 'unreachable', 'The server cannot be reached.');
    }
    if (answer.status === 204) return undefined as T;
    const told = (await answer.json()) as T & { code: string; detail: string };
    if (!answer.ok) throw new ApiProblem(answer.status, told.code, told.detail);
    return told;
  }
}
