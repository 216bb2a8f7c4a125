package simulator

import "maps"

// rename gives a DB cluster another identifier, and so other endpoints. Connections that stand live on.
func (j *job) rename(c *dbCluster, name string) error {
	if err := j.pass(renaming, c); err != nil {
		return err
	}
	if err := j.welcome(c, addressOf(writerEndpoint, name), addressOf(readerEndpoint, name)); err != nil {
		return err
	}
	s := j.s
	s.mu.Lock()
	defer s.mu.Unlock()
	old := c.shown
	s.name(c, name)
	s.release(*old.Endpoint)
	s.release(*old.ReaderEndpoint)
	s.world.tags[*c.shown.DBClusterArn] = s.world.tags[*old.DBClusterArn]
	delete(s.world.tags, *old.DBClusterArn)
	for _, i := range s.world.members(c) {
		i.shown.DBClusterIdentifier = c.shown.DBClusterIdentifier
	}
	s.world.event(dbClusterSource, name, "Renamed cluster from "+*old.DBClusterIdentifier+" to "+name+".", "configuration change")
	return s.certify(c)
}

// renameInstance gives a DB instance another identifier, and so another endpoint.
func (j *job) renameInstance(i *dbInstance, name string) error {
	if err := j.welcome(i.cluster, addressOf(instanceEndpoint, name)); err != nil {
		return err
	}
	s := j.s
	s.mu.Lock()
	defer s.mu.Unlock()
	old := i.shown
	isWriter := s.world.writer(i.cluster) == i
	s.nameInstance(i, name)
	s.release(*old.Endpoint.Address)
	s.world.tags[*i.shown.DBInstanceArn] = s.world.tags[*old.DBInstanceArn]
	delete(s.world.tags, *old.DBInstanceArn)
	if isWriter {
		s.world.promote(i)
	}
	s.world.reckon(i.cluster)
	return s.certify(i.cluster)
}

// welcome opens endpoints whose addresses the server's certificate has as soon as it is asked for.
func (j *job) welcome(c *dbCluster, addresses ...string) error {
	s := j.s
	var serving bool
	var settings map[string]string
	var err error
	s.locked(func() {
		serving, settings = c.serving, maps.Clone(c.settings)
		for _, address := range addresses {
			if err == nil {
				err = s.open(address, func() *dbCluster { return c })
			}
		}
		if err == nil {
			err = s.certify(c)
		}
	})
	if err != nil || !serving {
		return err
	}
	return c.server.Reload(j.ctx, settings)
}
