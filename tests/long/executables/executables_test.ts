import { Executables } from "../../executables/executables.ts";
import { testDeployment } from "../../executables/deployment.ts";
import { testFirstSteps } from "../../executables/first_steps.ts";
import { testServiceManager } from "../../executables/service_manager.ts";
import { testUnpacking } from "../../executables/unpacking.ts";

// Built once for all tests, which takes some seconds.
const executables = await Executables.build();
Deno.test.afterAll(() => executables[Symbol.asyncDispose]());

testUnpacking(executables);
testFirstSteps(executables);
testServiceManager(executables);
testDeployment(executables);
