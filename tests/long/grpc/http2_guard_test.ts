import { surviveConnections } from "../../grpc/short_connections.ts";

Deno.test("a server survives 1500 short TLS connections one after the other", () =>
  surviveConnections(1500));
