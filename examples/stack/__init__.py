"""Real back ends on this machine, without containers: started, fed with the demo's traffic, and stopped."""
