import { temporaryFolder } from './dataFiles.ts';

/** Before all tests: datasets that they and their processes read are cached apart from the user's own. */
export default function setup(): () => void {
  const { path, remove } = temporaryFolder();
  process.env.FER_CACHE = path;
  return remove;
}
