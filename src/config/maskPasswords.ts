/** A text in which no URL shows a user's name and password: `redis://***@host:6379`. */
export function maskPasswords(text: string): string {
  return text.replace(/:\/\/\S*@/g, '://***@');
}
