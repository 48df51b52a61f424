import type { ClientError, ClientErrorCode } from "./types";

/** Makes an error of the call. `details` may say which device or peer it is about, and that the call is over. */
export const clientError = (
  code: ClientErrorCode,
  text: string,
  details: Partial<Omit<ClientError, "code" | "text">> = {},
): ClientError => ({ code, text, fatal: false, ...details });
