import { TestCertificates } from "../../certificates.ts";
import { surviveDeaths } from "../../gateway/deaths.ts";

Deno.test("A gateway may die 20 times: no job notices, and no follower loses a byte", async () => {
  await using certificates = await TestCertificates.create();
  await surviveDeaths(certificates, 20);
});
