import { Executables } from "./executables.ts";
import { testDeployment } from "./deployment.ts";
import { testFirstSteps } from "./first_steps.ts";
import { testServiceManager } from "./service_manager.ts";
import { testUnpacking } from "./unpacking.ts";

// Built once for all tests, which takes some seconds.
const executables = await Executables.build();
Deno.test.afterAll(() => executables[Symbol.asyncDispose]());

testUnpacking(executables);
testFirstSteps(executables);
testServiceManager(executables);
testDeployment(executables);
