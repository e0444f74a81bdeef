/**
 * An error the user can mend: bad data, a missing file, a full disk. The message says what was found,
 * what was expected and what to do. The command line prints it without a stack trace and exits 1.
 */
export class FerError extends Error {
  override name = 'FerError';
}

/** Wrong usage of a command or an option: exits 2. */
export class UsageError extends FerError {
  override name = 'UsageError';
}

/** What was given as a picture is none, or cannot be read: others may go on. */
export class PictureError extends FerError {
  override name = 'PictureError';
}

/** A device, or the threads of the CPU, failed while they computed: what was opened on them answers no more. */
export class DeviceError extends FerError {
  override name = 'DeviceError';
}

/** The run was interrupted by the user after its state was saved: exits 130. */
export class Interrupted extends FerError {
  override name = 'Interrupted';
}

/** A training whose values stopped being numbers: the settings' doing, and the same each time. */
export class Diverged extends FerError {
  override name = 'Diverged';
}

/**
 * Refuses the value of an option.
 *
 * @throws UsageError that names all three
 */
export function refuseOption(key: string, found: unknown, expected: string): never {
  throw new UsageError(`${key} is ${JSON.stringify(found)}, expected ${expected}`);
}
