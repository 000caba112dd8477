/**
 * The module `sparselab/notebook`: `import { FloatSlider, interact, slider } from "sparselab/notebook"`. Its widgets are those of ipywidgets
 * (protocol `jupyter.widget` 2.1), with names in camel case. Outside a notebook, making one is an error that says why.
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
