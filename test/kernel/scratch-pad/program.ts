/** A program as it is typed into a notebook: it must pass the check and give the value beside it. */
export interface Program {
  readonly name: string;
  /** Each string is a cell. */
  readonly cells: readonly string[];
  /** `text/plain` of the last cell's value. */
  readonly gives: string;
}
