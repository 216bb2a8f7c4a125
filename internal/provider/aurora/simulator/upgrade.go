package simulator

// failedUpgrade is what Fault.Ends has for a major version upgrade that fails as AWS documents it.
const failedUpgrade = "upgrade"
