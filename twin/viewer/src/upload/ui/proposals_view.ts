/** What the proposals of a submission are shown from. */

import type { Language } from "../../i18n";
import type { DatasetChoice, FeatureTypeChoice } from "../api";
import type { Draft } from "../draft";
import type { SayUpload } from "../words";

export interface ProposalsView {
  readonly draft: Draft;
  readonly types: readonly FeatureTypeChoice[];
  readonly datasets: readonly DatasetChoice[];
  /** False once nothing can be changed any more, and while a check runs. */
  readonly isEditable: boolean;
  readonly wasChecked: boolean;
  readonly language: Language;
  readonly say: SayUpload;
}
