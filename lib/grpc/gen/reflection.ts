// deno-fmt-ignore-file
// Generated from the wire contract by `deno task proto`. Do not edit.

export interface ServerReflectionMethods {
  readonly ServerReflectionInfo: {
    readonly request: ServerReflectionRequest;
    readonly response: ServerReflectionResponse;
  };
}

export type ServerReflectionRequest = {
  readonly host: string;
} & (
  | { readonly messageRequest?: never }
  | { readonly messageRequest: "fileByFilename"; readonly fileByFilename: string }
  | { readonly messageRequest: "fileContainingSymbol"; readonly fileContainingSymbol: string }
  | { readonly messageRequest: "fileContainingExtension"; readonly fileContainingExtension: ExtensionRequest }
  | { readonly messageRequest: "allExtensionNumbersOfType"; readonly allExtensionNumbersOfType: string }
  | { readonly messageRequest: "listServices"; readonly listServices: string }
);

export interface ExtensionRequest {
  readonly containingType: string;
  readonly extensionNumber: number;
}

export type ServerReflectionResponse = {
  readonly validHost: string;
  readonly originalRequest: ServerReflectionRequest | null;
} & (
  | { readonly messageResponse?: never }
  | { readonly messageResponse: "fileDescriptorResponse"; readonly fileDescriptorResponse: FileDescriptorResponse }
  | { readonly messageResponse: "allExtensionNumbersResponse"; readonly allExtensionNumbersResponse: ExtensionNumberResponse }
  | { readonly messageResponse: "listServicesResponse"; readonly listServicesResponse: ListServiceResponse }
  | { readonly messageResponse: "errorResponse"; readonly errorResponse: ErrorResponse }
);

export interface FileDescriptorResponse {
  readonly fileDescriptorProto: readonly Uint8Array<ArrayBuffer>[];
}

export interface ExtensionNumberResponse {
  readonly baseTypeName: string;
  readonly extensionNumber: readonly number[];
}

export interface ListServiceResponse {
  readonly service: readonly ServiceResponse[];
}

export interface ServiceResponse {
  readonly name: string;
}

export interface ErrorResponse {
  readonly errorCode: number;
  readonly errorMessage: string;
}
