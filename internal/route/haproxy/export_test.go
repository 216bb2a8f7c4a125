package haproxy

// HoldRecord is where Hold writes down what it changes.
func (h *HAProxy) HoldRecord() string { return h.holdRecord() }
