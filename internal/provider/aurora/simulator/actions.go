package simulator

import (
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/schemas"
)

// rdsActions are the actions of RDS that there are.
func rdsActions() map[string]rdsAction {
	return map[string]rdsAction{
		"DescribeDBEngineVersions": action(schemas.DescribeDBEngineVersionsMessage, schemas.DBEngineVersionMessage,
			(*rds.Client).DescribeDBEngineVersions, (*Simulator).describeDBEngineVersions),

		"DescribeDBClusters": action(schemas.DescribeDBClustersMessage, schemas.DBClusterMessage,
			(*rds.Client).DescribeDBClusters, (*Simulator).describeDBClusters),
		"CreateDBCluster": action(schemas.CreateDBClusterMessage, schemas.CreateDBClusterResult,
			(*rds.Client).CreateDBCluster, (*Simulator).createDBCluster),

		"DescribeDBInstances": action(schemas.DescribeDBInstancesMessage, schemas.DBInstanceMessage,
			(*rds.Client).DescribeDBInstances, (*Simulator).describeDBInstances),
		"CreateDBInstance": action(schemas.CreateDBInstanceMessage, schemas.CreateDBInstanceResult,
			(*rds.Client).CreateDBInstance, (*Simulator).createDBInstance),

		"CreateDBClusterParameterGroup": action(schemas.CreateDBClusterParameterGroupMessage, schemas.CreateDBClusterParameterGroupResult,
			(*rds.Client).CreateDBClusterParameterGroup, (*Simulator).createDBClusterParameterGroup),
		"DescribeDBClusterParameterGroups": action(schemas.DescribeDBClusterParameterGroupsMessage, schemas.DBClusterParameterGroupsMessage,
			(*rds.Client).DescribeDBClusterParameterGroups, (*Simulator).describeDBClusterParameterGroups),
		"DescribeDBClusterParameters": action(schemas.DescribeDBClusterParametersMessage, schemas.DBClusterParameterGroupDetails,
			(*rds.Client).DescribeDBClusterParameters, (*Simulator).describeDBClusterParameters),
		"ModifyDBClusterParameterGroup": action(schemas.ModifyDBClusterParameterGroupMessage, schemas.DBClusterParameterGroupNameMessage,
			(*rds.Client).ModifyDBClusterParameterGroup, (*Simulator).modifyDBClusterParameterGroup),
		"DeleteDBClusterParameterGroup": action(schemas.DeleteDBClusterParameterGroupMessage, nil,
			(*rds.Client).DeleteDBClusterParameterGroup, (*Simulator).deleteDBClusterParameterGroup),
		"CreateDBParameterGroup": action(schemas.CreateDBParameterGroupMessage, schemas.CreateDBParameterGroupResult,
			(*rds.Client).CreateDBParameterGroup, (*Simulator).createDBParameterGroup),
		"DescribeDBParameterGroups": action(schemas.DescribeDBParameterGroupsMessage, schemas.DBParameterGroupsMessage,
			(*rds.Client).DescribeDBParameterGroups, (*Simulator).describeDBParameterGroups),
		"DescribeDBParameters": action(schemas.DescribeDBParametersMessage, schemas.DBParameterGroupDetails,
			(*rds.Client).DescribeDBParameters, (*Simulator).describeDBParameters),
		"ModifyDBParameterGroup": action(schemas.ModifyDBParameterGroupMessage, schemas.DBParameterGroupNameMessage,
			(*rds.Client).ModifyDBParameterGroup, (*Simulator).modifyDBParameterGroup),
		"DeleteDBParameterGroup": action(schemas.DeleteDBParameterGroupMessage, nil,
			(*rds.Client).DeleteDBParameterGroup, (*Simulator).deleteDBParameterGroup),
		"DescribeEngineDefaultClusterParameters": action(schemas.DescribeEngineDefaultClusterParametersMessage,
			schemas.DescribeEngineDefaultClusterParametersResult,
			(*rds.Client).DescribeEngineDefaultClusterParameters, (*Simulator).describeEngineDefaultClusterParameters),
		"DescribeEngineDefaultParameters": action(schemas.DescribeEngineDefaultParametersMessage, schemas.DescribeEngineDefaultParametersResult,
			(*rds.Client).DescribeEngineDefaultParameters, (*Simulator).describeEngineDefaultParameters),
	}
}
