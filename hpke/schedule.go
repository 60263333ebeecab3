package hpke

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/suite"
)

const (
	modeBase byte = 0x00
	modePSK  byte = 0x01
)

// schedule is KeySchedule (RFC 9180, Section 5.1) of one suite.
type schedule struct {
	suite    Suite
	aead     suite.AEADInfo
	nh       int
	id       [10]byte // suite_id
	baseHead []byte   // mode and psk_id as the context of base mode begins
}

func newSchedule(s Suite) (*schedule, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	p := &schedule{suite: s, aead: s.AEAD.AEADInfo(), nh: s.KDF.Info().Nh}
	copy(p.id[:], "HPKE")
	binary.BigEndian.PutUint16(p.id[4:], s.KEM.Info().ID)
	binary.BigEndian.PutUint16(p.id[6:], s.KDF.Info().ID)
	binary.BigEndian.PutUint16(p.id[8:], p.aead.ID)
	var err error
	p.baseHead, err = p.head(modeBase, nil)
	return p, err
}

func (p *schedule) head(mode byte, pskID []byte) ([]byte, error) {
	return p.suite.KDF.absorb([]byte{mode}, p.id[:], "psk_id_hash", pskID)
}

// prepare is VerifyPSKInputs and what of KeySchedule does not depend on the
// shared secret. With a two-stage KDF the result is small, info being hashed;
// with a one-stage one it holds a copy of info.
func (p *schedule) prepare(mode byte, info, psk, pskID []byte) (*prepared, error) {
	head := p.baseHead
	if mode == modePSK {
		if len(psk) < MinPSK {
			return nil, fmt.Errorf("hpke: PSK of %d bytes, want at least %d", len(psk), MinPSK)
		}
		if len(pskID) == 0 {
			return nil, errors.New("hpke: PSK without an ID")
		}
		var err error
		if head, err = p.head(mode, pskID); err != nil {
			return nil, err
		}
	}
	// The three-index slice keeps the shared baseHead from being appended to.
	context, err := p.suite.KDF.absorb(head[:len(head):len(head)], p.id[:], "info_hash", info)
	if err != nil {
		return nil, err
	}
	return &prepared{schedule: p, psk: psk, context: context}, nil
}

func (p *schedule) export(exporterSecret, context []byte, length int) ([]byte, error) {
	return p.suite.KDF.export(p.id[:], exporterSecret, context, length)
}

// prepared is a schedule that waits for the shared secret. It is immutable.
type prepared struct {
	*schedule
	psk     []byte
	context []byte // key_schedule_context
}

// need says which secrets are wanted.
type need int

const (
	toSeal need = 1 << iota
	toExport
)

// secrets is what KeySchedule gives.
type secrets struct {
	all                      []byte // the three that follow, in this order
	key, baseNonce, exporter []byte // Nk, Nn and Nh bytes
	need                     need   // a KDF may leave the others zero

	room [32 + 12 + maxHash]byte // for all, if that is not longer
}

// derive erases sharedSecret.
func (p *prepared) derive(sharedSecret []byte, n need) (*secrets, error) {
	nk, nn := p.aead.Nk, p.aead.Nn
	out := &secrets{need: n}
	all := out.room[:0]
	if size := nk + nn + p.nh; size <= len(out.room) {
		all = all[:size:size]
	} else {
		all = make([]byte, size)
	}
	out.all, out.key, out.baseNonce, out.exporter = all, all[:nk:nk], all[nk:nk+nn:nk+nn], all[nk+nn:]
	err := p.suite.KDF.schedule(p.id[:], p.psk, sharedSecret, p.context, out)
	clear(sharedSecret)
	return out, err
}
