/**
 * What only a notebook has: `import { FloatSlider, interact, slider } from "sparselab/notebook"`. Widgets are Jupyter's own (protocol
 * `jupyter.widget` 2.1), as ipywidgets has them, with names as TypeScript writes them. Outside a notebook each refuses with the reason.
 */
export { Comm, type CommMessage, registerTarget, type SendOptions } from "../comms/comm.js";
export { AnyModel, type AnyModelOptions } from "./any-model.js";
export { type AnyWidget, type BoxState, HBox, VBox } from "./boxes.js";
export {
  Button,
  type ButtonState,
  Checkbox,
  type CheckboxState,
  FloatSlider,
  HTML,
  type HTMLState,
  IntSlider,
  Play,
  type PlayState,
  type SliderState,
  Text,
  type TextState,
} from "./controls.js";
export { type Choices, Dropdown, type DropdownOptions } from "./dropdown.js";
export { clearOutput, type DisplayOptions, display } from "./globals.js";
export { type Control, type ControlValues, type Interaction, interact, slider } from "./interact.js";
export { Layout, type LayoutState } from "./looks.js";
export { Output, type OutputItem } from "./output.js";
export { Widget } from "./widget.js";
