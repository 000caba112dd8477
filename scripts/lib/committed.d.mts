/** What the tests use of committed.mjs. */
/** Paths below the clone of the committed files in `folder`, or undefined without git. */
export function committedFiles(folder: string): readonly string[] | undefined;
/** Writes the committed files of `folder` below `to`, which is emptied before. Returns the path of the copy. */
export function copyCommitted(folder: string, to: string): string;
