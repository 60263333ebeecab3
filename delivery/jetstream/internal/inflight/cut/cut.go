// Package cut is for tests of a connection that is lost while a request is on it.
package cut

import (
	"net"
	"sync"
)

// Dialer makes connections that a test can cut. It is a nats.CustomDialer.
type Dialer struct {
	mu    sync.Mutex
	held  bool
	asked chan struct{} // closed when something was sent while the answers are held
	conns []*conn
	left  int  // bytes that may be sent
	few   bool // they are counted
}

type conn struct {
	net.Conn
	of     *Dialer
	closed chan struct{}
	once   sync.Once
}

// Dial implements nats.CustomDialer.
func (d *Dialer) Dial(network, address string) (net.Conn, error) {
	inner, err := net.Dial(network, address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: inner, of: d, closed: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conns = append(d.conns, c)
	return c, nil
}

// Hold keeps back all that servers answer from now on, and returns a channel that is closed
// when a request has been sent.
func (d *Dialer) Hold() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held, d.asked = true, make(chan struct{})
	return d.asked
}

// CutAfter ends all connections when about so many bytes more have been sent on them, as a
// process that ends then. It does so once.
func (d *Dialer) CutAfter(bytes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left, d.few = bytes, true
}

// spend counts bytes that are to be sent, and reports whether they may be.
func (d *Dialer) spend(bytes int) bool {
	d.mu.Lock()
	d.left -= bytes
	over := d.few && d.left < 0
	d.mu.Unlock()
	if over {
		d.Cut()
	}
	return !over
}

// Cut ends all connections. Later ones are as usual.
func (d *Dialer) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held, d.few = false, false
	for _, c := range d.conns {
		c.Close()
	}
	d.conns = nil
}

func (c *conn) Write(b []byte) (int, error) {
	if !c.of.spend(len(b)) {
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Write(b)
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if c.of.held && c.of.asked != nil {
		close(c.of.asked)
		c.of.asked = nil
	}
	return n, err
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.of.mu.Lock()
	held := c.of.held
	c.of.mu.Unlock()
	if held {
		<-c.closed
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
