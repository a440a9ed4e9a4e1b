/** What has come to a gateway since it listens, as `GatewayCounts` tells it. */
export class FrontCounts {
  readonly grpc = { accepted: 0, refused: 0 };
  readonly rest = { requests: 0, refused: 0, failedLogins: 0 };
}
