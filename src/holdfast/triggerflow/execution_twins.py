class ExecutionTwins: pass
