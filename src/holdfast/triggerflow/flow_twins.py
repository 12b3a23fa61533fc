class TriggerFlowTwins: pass
