package pgctl_test

import (
	"errors"
	"testing"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
)

func TestFindTellsWhereItLooked(t *testing.T) {
	_, err := pgctl.Find(9)
	if fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
		t.Fatalf("got %v, wanted a usage error with a hint", err)
	}
}

func TestAtTellsTheMajor(t *testing.T) {
	for _, major := range []int{13, 15, 17, 18} {
		found, err := pgctl.Find(major)
		if err != nil {
			t.Fatal(err)
		}
		at, err := pgctl.At(t.Context(), found.Directory)
		if err != nil || at != found {
			t.Errorf("At(%s) = %v, %v, wanted %v", found.Directory, at, err, found)
		}
	}
}

func TestAClusterStartsAndStops(t *testing.T) {
	s := pgtest.Start(t, 18)
	p, err := s.Cluster.Postmaster()
	if err != nil || p.Port != s.Port {
		t.Fatalf("Postmaster() = %+v, %v, wanted port %d", p, err, s.Port)
	}
	if err := s.Cluster.Stop(t.Context(), "fast"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Cluster.Postmaster(); !errors.Is(err, pgctl.ErrNotRunning) {
		t.Fatalf("after Stop: %v, wanted ErrNotRunning", err)
	}
}
