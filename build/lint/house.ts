/**
 * The rules of this house that `deno lint` does not bring, each in a file of its own.
 *
 * @module
 */

import { allowedPlace } from "./allowed_place.ts";
import { commentFragment } from "./comment_fragment.ts";
import { errorMessage } from "./error_message.ts";
import { fileLength } from "./file_length.ts";
import { plainJavaScript } from "./plain_javascript.ts";
import { wordOfTheField } from "./word_of_the_field.ts";

export default {
  name: "house",
  rules: {
    "allowed-place": allowedPlace,
    "comment-fragment": commentFragment,
    "error-message": errorMessage,
    "file-length": fileLength,
    "plain-javascript": plainJavaScript,
    "word-of-the-field": wordOfTheField,
  },
} satisfies Deno.lint.Plugin;
