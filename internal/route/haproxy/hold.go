package haproxy

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/route/record"
)

// Hold lets nobody in who connects from now on: they wait, without an error, until Release. Sessions that are open go on, so it
// returns at once.
//
// With maxconn at 0 HAProxy does not accept; what connects waits in the listener's backlog in the kernel, where no timeout of
// HAProxy counts. What maxconn was is on disk before it changes.
func (h *HAProxy) Hold(ctx context.Context) error {
	limit, err := h.limit(ctx)
	if err == nil && limit != 0 {
		if err = record.Write(h.holdRecord(), h.name, held{Socket: h.Socket, Frontend: h.Frontend, Limit: limit}); err == nil {
			err = h.setLimit(ctx, 0)
		}
	}
	if err != nil {
		return fmt.Errorf("hold the clients of %s: %w", h.name, err)
	}
	return nil
}

// Release lets in who waits, also where a pgteal held them that died. A server that health checks took for down, because its gate
// was closed, is up first: clients would be turned away until the next checks.
func (h *HAProxy) Release(ctx context.Context) error {
	if err := h.release(ctx); err != nil {
		return fault.WithHint(fmt.Errorf("release the clients of %s: %w", h.name, err),
			fmt.Sprintf("If clients go on waiting: %s, or reload HAProxy.", h.shell("set maxconn frontend "+h.Frontend+" <its maxconn>")))
	}
	return nil
}

func (h *HAProxy) release(ctx context.Context) error {
	limit, err := h.limit(ctx)
	if err != nil || limit != 0 {
		return err
	}
	var before held
	if known, err := record.Read(h.holdRecord(), h.name, &before); err != nil || !known || before.Limit < 1 {
		// Somebody has removed the record. A frontend without a maxconn of its own has that of the process.
		if before.Limit, err = h.processLimit(ctx); err != nil {
			return err
		}
	}
	healthy := h.markUp(ctx)
	if err := h.setLimit(ctx, before.Limit); err != nil { // even so: an error is better than no answer
		return err
	}
	return healthy
}

// markUp lets the servers that clients are led to count as up, until the next health checks.
func (h *HAProxy) markUp(ctx context.Context) error {
	servers, err := h.servers(ctx)
	if err != nil {
		return err
	}
	for _, s := range servers {
		if !s.maintenance() && !s.up() {
			if err := h.tell(ctx, "set server %s/%s health up", h.Backend, s.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// limit is the frontend's maxconn as it is now. HAProxy never starts with 0: there that means the limit of the process.
func (h *HAProxy) limit(ctx context.Context) (int, error) {
	rows, err := h.stat(ctx, h.Frontend)
	if err != nil {
		return 0, err
	}
	for _, r := range rows {
		if r["svname"] == "FRONTEND" {
			limit, err := strconv.Atoi(r["slim"])
			if err != nil {
				return 0, fmt.Errorf("read the maxconn of frontend %q: %w", h.Frontend, err)
			}
			return limit, nil
		}
	}
	return 0, fmt.Errorf("there is no frontend %q", h.Frontend)
}

func (h *HAProxy) setLimit(ctx context.Context, limit int) error {
	return h.tell(ctx, "set maxconn frontend %s %d", h.Frontend, limit)
}

// processLimit is the maxconn of the whole process.
func (h *HAProxy) processLimit(ctx context.Context) (int, error) {
	value, err := h.info(ctx, "Maxconn")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(value)
}

// info is one value of `show info`.
func (h *HAProxy) info(ctx context.Context, key string) (string, error) {
	answer, err := h.ask(ctx, "show info")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(answer) {
		if value, ok := strings.CutPrefix(line, key+": "); ok {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("`show info` has no %s", key)
}
